import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { Principal } from '../domain/consumer.js';
import type { Machine } from '../domain/machine.js';
import { AuthorizationStore } from '../store/authorization.store.js';
import { BlueprintStore } from '../store/blueprint.store.js';
import { ClaimStore } from '../store/claim.store.js';
import { CommandStore } from '../store/command.store.js';
import { ConsumerStore } from '../store/consumer.store.js';
import { CredentialStore } from '../store/credential.store.js';
import { Database } from '../store/database.js';
import { EventStore } from '../store/event.store.js';
import { IdempotencyStore } from '../store/idempotency.store.js';
import { IdentityStore } from '../store/identity.store.js';
import { InstallationStore } from '../store/installation.store.js';
import { InvariantStore } from '../store/invariants.store.js';
import { LapseStore } from '../store/lapse.store.js';
import { LeaseStore } from '../store/lease.store.js';
import { Notifications } from '../store/notifications.js';
import { OperationStore } from '../store/operation.store.js';
import { ProcessStore } from '../store/process.store.js';
import { ResourceStore } from '../store/resource.store.js';
import { RetentionStore } from '../store/retention.store.js';
import { StatusStore } from '../store/status.store.js';
import { SweepStore } from '../store/sweep.store.js';
import { TurnStore } from '../store/turn.store.js';
import { Allocator } from './allocator.js';
import { AuthorizationService } from './authorization.service.js';
import { CatalogueService } from './catalogue.service.js';
import { CommandService } from './command.service.js';
import { Credentials } from './credentials.js';
import { DeclarationService } from './declaration.service.js';
import type { Change } from './declarations.js';
import { DoctorService } from './doctor.service.js';
import type { Drivers } from './drivers.js';
import { EventService } from './event.service.js';
import { FileService } from './file.service.js';
import { HealthService } from './health.service.js';
import { Heartbeat } from './heartbeat.js';
import { Housekeeping } from './housekeeping.js';
import { IdempotencyService } from './idempotency.service.js';
import { IdentityService } from './identity.service.js';
import { newId } from './ids.js';
import { IsolationService } from './isolation.service.js';
import { LeaseService } from './lease.service.js';
import { LeaseSteps } from './lease-steps.js';
import { Losses } from './losses.js';
import { readManifests } from './manifests.js';
import { Metrics } from './metrics.js';
import { OperationService } from './operation.service.js';
import { OperationSteps } from './operation-steps.js';
import { Reconciler } from './reconciler.js';
import { ResourceService } from './resource.service.js';
import { ResourceSteps } from './resource-steps.js';
import { Secrets } from './secrets.js';
import { Signals } from './signals.js';
import { Sweep } from './sweep.js';
import { SweepService } from './sweep.service.js';
import { SweepSteps } from './sweep-steps.js';
import { Views } from './views.js';
import { Watches } from './watches.js';

export interface BrokerParts {
  config: Config;
  db: Database;
  /** Makes the drivers; they may ask for stored credentials. */
  drivers: (credentials: Credentials) => Drivers;
  log: Logger;
  /** How often every pool is looked at, in case a signal was lost, in milliseconds; absent: as `Housekeeping` has it. */
  serveMs?: number;
}

/** Every service of one broker process, and the loop that drives it. */
export interface Broker {
  services: object[];
  /** Applies the manifests, then begins to reconcile. Returns what the manifests changed. */
  start(): Promise<Change[]>;
  /** Ends what runs here in order; its claims are given back, its leases live on. */
  stop(): Promise<void>;
}

/** As whom the broker applies the manifests that it finds at start. */
const LOADER: Principal = { kind: 'person', name: 'manifests', roles: [{ role: 'admin' }] };

/** Puts a broker together over a migrated database. */
export async function createBroker({
  config,
  db,
  drivers: makeDrivers,
  log,
  serveMs,
}: BrokerParts): Promise<Broker> {
  const installation = new InstallationStore(db);
  const brokerId = await installation.broker(newId('broker'));
  const processId = newId('proc');
  const machine: Machine = {
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim(),
  };

  const authorizations = new AuthorizationStore(db);
  const blueprints = new BlueprintStore(db);
  const claims = new ClaimStore(db);
  const commands = new CommandStore(db);
  const consumers = new ConsumerStore(db);
  const events = new EventStore(db);
  const leases = new LeaseStore(db);
  const resources = new ResourceStore(db);
  const sweeps = new SweepStore(db);

  const secrets = new Secrets(config.secretKey);
  const credentials = new Credentials(new CredentialStore(db), secrets);
  const drivers = makeDrivers(credentials);
  const views = new Views(brokerId, drivers, resources);
  const signals = new Signals();
  const notifications = new Notifications(db.url, processId, (topics) => signals.receive(topics));
  signals.forwardTo((topics) => notifications.send(topics));

  // On a connection of its own: a broker that is busy on all others lives.
  const heartbeatDb = new Database(db.url);
  const processes = new ProcessStore(heartbeatDb);
  const { outageGraceSeconds: graceSeconds } = config;
  const heartbeat = new Heartbeat({
    processes,
    signals,
    log,
    processId,
    keyPrint: secrets.fingerprint('secret key'),
    graceSeconds,
    onBuried() {
      reconciler.abandon();
      commandService.abandon();
    },
  });

  const status = new StatusStore(db);
  const metrics = new Metrics({ status, notifications: () => notifications.counts });
  drivers.observe((call) => metrics.driverCall(call));
  const allocator = new Allocator(new TurnStore(db), drivers, signals, log, (turn) => metrics.turn(turn));
  const losses = new Losses(resources, leases, allocator, signals);
  const steps = { claims, leases, resources, views, allocator, losses, signals, log, processId };
  const leaseSteps = new LeaseSteps({ ...steps, commands });
  const resourceSteps = new ResourceSteps({ ...steps, blueprints, installation, machine });
  const leaseService = new LeaseService(
    leases,
    consumers,
    installation,
    allocator,
    signals,
    secrets,
    heartbeat,
  );
  const operations = new OperationStore(db);
  const operationSteps = new OperationSteps({ ...steps, leases: leaseService, operations });
  const sweep = new Sweep(brokerId, drivers, sweeps);
  const sweepService = new SweepService(db, blueprints, sweeps, sweep, signals);
  const sweepSteps = new SweepSteps({ ...steps, blueprints, sweeps, sweep });
  const reconciler = new Reconciler({
    claims,
    signals,
    metrics,
    log,
    processId,
    leaseSteps,
    resourceSteps,
    operationSteps,
    sweepSteps,
  });
  const watches = new Watches({ broker: brokerId, drivers, blueprints, sweeps, signals, log });
  const housekeeping = new Housekeeping({
    authorizations,
    blueprints,
    commands,
    lapses: new LapseStore(db),
    processes: new ProcessStore(db),
    pruning: new RetentionStore(db),
    retention: {
      eventsSeconds: config.keepEventsSeconds,
      endedSeconds: config.keepEndedSeconds,
      keysSeconds: config.keepKeysSeconds,
    },
    allocator,
    signals,
    metrics,
    log,
    processId,
    serveMs,
  });
  const { isolation: isolationOverride, allowZeroIsolation } = config;
  const declarations = new DeclarationService(
    db,
    { drivers, secrets, isolationOverride, allowZeroIsolation },
    allocator,
    signals,
  );
  const isolation = new IsolationService(installation, blueprints, resources, sweeps, machine);
  const identities = new IdentityService(new IdentityStore(db, consumers), consumers);
  const commandService = new CommandService({
    commands,
    leases,
    installation,
    views,
    losses,
    secrets,
    credentials,
    signals,
    heartbeat,
    log,
    processId,
  });

  return {
    services: [
      declarations,
      identities,
      commandService,
      new AuthorizationService(db, allocator, signals),
      new CatalogueService(db, allocator, signals),
      leaseService,
      new FileService(leases, views, losses, signals, heartbeat),
      new ResourceService(resources, blueprints, drivers, losses, allocator, signals),
      new EventService(events, signals),
      isolation,
      sweepService,
      new DoctorService(new InvariantStore(db), isolation, sweepService),
      new OperationService({ operations, consumers, signals }),
      new IdempotencyService(new IdempotencyStore(db), secrets),
      new HealthService(status, installation, brokerId),
      metrics,
    ],
    async start() {
      await heartbeat.start();
      drivers.guard(() => heartbeat.mustLive());
      await events.settle();
      await notifications.start();
      await identities.welcomeAdmin(config.adminToken, {
        fromEnvironment: config.adminTokenFile === undefined,
      });
      const manifests = await readManifests(config.blueprintsDir);
      if (isolationOverride && !manifests.some(({ kind }) => kind === 'Policy')) {
        manifests.push({ kind: 'Policy', name: 'policy', spec: { isolation: isolationOverride } });
      }
      const changes = await declarations.declare(manifests, LOADER);
      commandService.begin();
      reconciler.start();
      housekeeping.start();
      watches.start();
      return changes;
    },
    async stop() {
      await watches.stop();
      await housekeeping.stop();
      await reconciler.stop();
      await commandService.stop();
      await allocator.settled();
      await heartbeat.stop();
      await heartbeatDb.close();
      await notifications.stop();
      drivers.close();
    },
  };
}
