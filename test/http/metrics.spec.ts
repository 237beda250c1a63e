import { describe, expect, it } from '@jest/globals';
import { DriverError } from '../../src/drivers/driver.js';
import { until, useInstallation } from '../support/installation.js';
import { consumer, hosts, policy, tier } from '../support/manifests.js';

const berth = useInstallation(
  policy('low'),
  tier('low'),
  hosts('box', { resources: 2, warm: 1 }),
  consumer('step', ['box']),
  consumer('other', ['box']),
);

const SOME = 'more than none';

/** The metrics, once these series are so. */
async function scraped(wanted: Record<string, number | typeof SOME>): Promise<Map<string, number>> {
  let found = new Map<string, number>();
  const differing = async () => {
    found = await berth.metrics();
    const differs = ([series, value]: [string, number | typeof SOME]) =>
      value === SOME ? !((found.get(series) ?? 0) > 0) : found.get(series) !== value;
    return Object.entries(wanted)
      .filter(differs)
      .map(([series]) => [series, found.get(series)]);
  };
  await until(differing, (left) => left.length === 0);
  return found;
}

describe('the metrics', () => {
  it('say what there is, who waits for what and for how long', async () => {
    await berth.approve('step', 'box');
    await scraped({ 'berth_resources_free{blueprint="box",tier="low"}': 1 });
    await berth.lease('step');
    await berth.lease('step');
    await berth.request('step');
    await berth.request('other');
    const found = await scraped({
      'berth_leases{state="active",tier="low",type="host"}': 2,
      'berth_leases{state="pending",tier="low",type="host"}': 2,
      'berth_leases_waiting{reason="queued",tier="low",type="host"}': 1,
      'berth_leases_waiting{reason="awaiting-authorization",tier="low",type="host"}': 1,
      'berth_oldest_waiting_seconds{tier="low",type="host"}': SOME,
      'berth_resources{blueprint="box",hygiene="clean",state="active",tier="low"}': 2,
      'berth_resources_limit{blueprint="box",tier="low"}': 2,
      'berth_resources_warm{blueprint="box",tier="low"}': 1,
      'berth_resources_free{blueprint="box",tier="low"}': 0,
      'berth_blueprint_failures{blueprint="box",tier="low"}': 0,
      berth_processes: 1,
      berth_database_up: 1,
    });
    expect([...found.keys()]).toContain('process_cpu_seconds_total');
  });

  it('forget what is no more', async () => {
    await berth.approve('step', 'box');
    const { id } = await berth.lease('step');
    const series = 'berth_leases{state="active",tier="low",type="host"}';
    expect((await berth.metrics()).get(series)).toBe(1);
    await berth.release(id);
    expect((await berth.metrics()).has(series)).toBe(false);
  });

  it('count turns, steps and calls of drivers, and those that fail by their code', async () => {
    const before = await berth.metrics();
    berth.script = ({ method }) => {
      if (method === 'build') throw new DriverError('image-missing', 'There is no such image.');
    };
    await berth.approve('step', 'box');
    await berth.request('step');
    await scraped({
      'berth_driver_call_failures_total{code="image-missing",driver="docker-host",method="build"}': SOME,
    });
    const counted = [
      'berth_driver_call_duration_seconds_count{driver="docker-host",method="build"}',
      'berth_turn_duration_seconds_count{tier="low",type="host"}',
      'berth_turn_leases_sum{tier="low",type="host"}',
      'berth_step_duration_seconds_count{subject="resource"}',
    ];
    const found = await until(
      () => berth.metrics(),
      (now) => counted.every((series) => (now.get(series) ?? 0) > (before.get(series) ?? 0)),
    );
    expect(found.has('berth_steps_running{lane="build",subject="resource"}')).toBe(true);
  });

  it('count turns that fail', async () => {
    await berth.approve('step', 'box');
    const series = 'berth_turn_failures_total{tier="low",type="host"}';
    const before = (await berth.metrics()).get(series) ?? 0;
    await berth.sql(`ALTER TABLE leases ADD CONSTRAINT refused CHECK (note <> 'refused') NOT VALID`);
    const body = { type: 'host', consumer: 'step', note: 'refused' };
    expect((await berth.call('POST /v1/leases', { body })).status).toBe(500);
    await berth.sql('ALTER TABLE leases DROP CONSTRAINT refused');
    expect((await berth.metrics()).get(series)).toBe(before + 1);
  });

  it('time requests by their route, not by their path, those that wait apart', async () => {
    await berth.approve('step', 'box');
    const { id } = await berth.lease('step');
    await berth.read(id);
    const name = 'berth_http_request_duration_seconds_count';
    const found = await scraped({
      [`${name}{held="false",method="GET",route="/v1/leases/:id",status="200"}`]: SOME,
      [`${name}{held="true",method="POST",route="/v1/leases",status="201"}`]: SOME,
    });
    expect([...found.keys()].join('\n')).not.toContain(id);
  });

  it('count messages to other brokers, and connections that were lost', async () => {
    await scraped({ 'berth_notifications_total{direction="sent"}': SOME });
    const before = (await berth.metrics()).get('berth_notification_reconnects_total') ?? 0;
    await berth.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'berth notifications' AND datname = current_database()`,
    );
    await scraped({ berth_notification_reconnects_total: before + 1 });
  });
});
