import { Foundation1763800000000 } from './1763800000000-foundation.js';
import { Turns1763820000000 } from './1763820000000-turns.js';
import { Housekeeping1763900000000 } from './1763900000000-housekeeping.js';
import { Sightings1763910000000 } from './1763910000000-sightings.js';
import { LargeInstallations1764030000000 } from './1764030000000-large-installations.js';
import { LighterTurns1764040000000 } from './1764040000000-lighter-turns.js';
import { FormerSpecs1764050000000 } from './1764050000000-former-specs.js';
import { ResourceLists1764060000000 } from './1764060000000-resource-lists.js';
import { Silences1764120000000 } from './1764120000000-silences.js';
import { SealedEnvironments1764130000000 } from './1764130000000-sealed-environments.js';
import { GivenUp1764140000000 } from './1764140000000-given-up.js';
import { OwnersOfTokens1764200000000 } from './1764200000000-owners-of-tokens.js';
import { WhoMayUse1764210000000 } from './1764210000000-who-may-use.js';
import { Lanes1764220000000 } from './1764220000000-lanes.js';
import { WhatLostCommandsLeft1764225000000 } from './1764225000000-what-lost-commands-left.js';
import { RoundsOfBuilds1764300000000 } from './1764300000000-rounds-of-builds.js';
import { LinesByBlueprint1764330000000 } from './1764330000000-lines-by-blueprint.js';
import { OneKey1764340000000 } from './1764340000000-one-key.js';
import { Cancels1764350000000 } from './1764350000000-cancels.js';
import { CopiesReclaimed1764360000000 } from './1764360000000-copies-reclaimed.js';

/** In their order. Named, not globbed: a stray file can't run. */
export const MIGRATIONS = [
  Foundation1763800000000,
  Turns1763820000000,
  Housekeeping1763900000000,
  Sightings1763910000000,
  LargeInstallations1764030000000,
  LighterTurns1764040000000,
  FormerSpecs1764050000000,
  ResourceLists1764060000000,
  Silences1764120000000,
  SealedEnvironments1764130000000,
  GivenUp1764140000000,
  OwnersOfTokens1764200000000,
  WhoMayUse1764210000000,
  Lanes1764220000000,
  WhatLostCommandsLeft1764225000000,
  RoundsOfBuilds1764300000000,
  LinesByBlueprint1764330000000,
  OneKey1764340000000,
  Cancels1764350000000,
  CopiesReclaimed1764360000000,
];
