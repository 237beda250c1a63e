/**
 * Who may import whom (docs/architecture.md). `npm run check` fails on any other arrow and on every cycle.
 * @type {import('dependency-cruiser').IConfiguration}
 */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: '\\.spec\\.ts$' },
  to: { path: '^(src|ormconfig|migrations)', pathNot: allowed },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    // schema.js is types only: schema.d.ts, which no file of that name comes from.
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^\\./schema\\.js$' },
    },
    {
      name: 'domain-is-pure',
      comment: 'The domain imports nothing but itself: no framework, no database, no clock, no IO.',
      severity: 'error',
      from: { path: '^src/domain', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: '^src/domain' },
    },
    only('store', '^src/store', '^src/(store|domain)|^migrations', 'The store knows the domain and SQL.'),
    only('drivers', '^src/drivers', '^src/(drivers|domain)', 'Drivers know the domain and their own port.'),
    {
      name: 'driver-folders-are-apart',
      comment: 'Only the registry knows the driver folders; they meet in driver.ts.',
      severity: 'error',
      from: { path: '^src/drivers/([^/]+-[^/]+)/' },
      to: { path: '^src/drivers/[^/]+-[^/]+/', pathNot: '^src/drivers/$1/' },
    },
    only(
      'broker',
      '^src/broker',
      '^src/(broker|store|domain|config\\.ts|drivers/driver\\.ts)',
      'Use cases: load, decide, save.',
    ),
    only('http', '^src/http', '^src/(http|broker|domain|config\\.ts)', 'Controllers delegate to the broker.'),
    only('client', '^src/client', '^src/client', 'The published client stands alone.'),
    only(
      'cli',
      '^src/cli(/|\\.ts)',
      '^src/(cli|client)',
      'The CLI is a client of the REST API and nothing else.',
    ),
    only(
      'embedded',
      '^src/embedded',
      '^src/embedded',
      'The PostgreSQL that comes along knows nothing of Berth.',
    ),
    only('config', '^src/config\\.ts', '^src/domain', 'Configuration is environment in, typed object out.'),
    only(
      'demo',
      '^src/demo(/|\\.ts)',
      '^src/(demo|client|embedded)',
      'The demonstration is a client of the REST API, on a broker that it starts.',
    ),
    {
      name: 'only-main-wires',
      severity: 'error',
      from: { pathNot: '^(src/main\\.ts|src/app\\.module\\.ts|test/|.*\\.spec\\.ts$)' },
      to: { path: '^src/app\\.module\\.ts' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      conditionNames: ['import', 'require', 'node', 'default'],
      extensions: ['.js', '.ts', '.mjs', '.cjs'],
    },
  },
};
