import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateBy,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { type DriverType, NETWORK, type Network, PROVIDES, REUSE, type Reuse } from '../domain/blueprint.js';
import { CONSUMER_KINDS, type ConsumerKind } from '../domain/consumer.js';
import { DURATION_PATTERN, durationFault } from '../domain/duration.js';
import {
  ISOLATION_POLICIES,
  ISOLATION_RULES,
  type IsolationPolicy,
  type IsolationRule,
} from '../domain/isolation.js';
import { NAME } from '../domain/name.js';

const NAME_MESSAGE =
  '$property must be a DNS label: 1 to 63 of a-z, 0-9 and -, not beginning or ending with -';

/** May be left out; null is not the same as left out, and is refused. */
export const Optional = () => ValidateIf((_, value) => value !== undefined);

/** A duration of at least so many seconds. */
function Lasting(leastSeconds: number): PropertyDecorator {
  const message = '$property must be a duration such as 30s, 10m, 1h or 2d';
  const validate = (value: unknown) => durationFault(value, leastSeconds) === undefined;
  return (target, property) => {
    Matches(new RegExp(DURATION_PATTERN), { message })(target, property as string);
    ValidateBy(
      { name: 'lasts', validator: { validate } },
      { message: ({ value }) => `$property ${durationFault(value, leastSeconds)}` },
    )(target, property as string);
  };
}

export class LimitsSpec {
  @Optional() @IsInt() @Min(1) @Max(10_000) resources = 10;
  @Optional() @IsInt() @Min(1) @Max(1000) leasesPerResource = 1;
}

/** What a blueprint's declaration holds beside its name; `spec` is checked by its driver. */
export class BlueprintSpec {
  @IsIn(Object.keys(PROVIDES)) type!: DriverType;
  @Matches(NAME, { message: NAME_MESSAGE }) tier!: string;
  @Optional() @ValidateNested() @Type(() => LimitsSpec) limits: LimitsSpec = new LimitsSpec();
  @Optional() @IsIn(REUSE) reuse?: Reuse;
  @Optional() @IsInt() @Min(0) @Max(10_000) warm?: number;
  @Optional() @Lasting(1) maxAge?: string;
  @Optional() @IsInt() @Min(1) @Max(1_000_000) maxUses?: number;
  @Optional() @Lasting(0) idleAfter?: string;
  @Optional() @IsObject() spec: Record<string, unknown> = {};
}

export class OidcSpec {
  @IsString() @Matches(/^https:\/\/./, { message: '$property must be an https:// address' }) issuer!: string;
  @IsString() @IsNotEmpty() @MaxLength(255) audience!: string;
  @IsObject() claims!: Record<string, unknown>;
}

export class ConsumerSpec {
  @IsIn(CONSUMER_KINDS) kind!: ConsumerKind;
  @Matches(NAME, { message: NAME_MESSAGE }) tier!: string;
  @Optional()
  @IsArray()
  @ArrayUnique()
  @ArrayMaxSize(100)
  @Matches(NAME, { each: true, message: NAME_MESSAGE })
  blueprints: string[] = [];
  @Optional() @ValidateNested() @Type(() => OidcSpec) oidc?: OidcSpec;
}

export class TierSpec {
  @Optional() @IsIn(REUSE) reuse?: Reuse;
  @Optional() @IsIn(NETWORK) network?: Network;
  @Optional() @IsArray() @ArrayMaxSize(20) @IsString({ each: true }) runtimes?: string[];
  @Optional() @Lasting(1) maxTtl?: string;
  @Optional() @IsInt() @Min(1) @Max(1000) maxLeasesPerResource?: number;
  @Optional() @IsBoolean() secrets?: boolean;
  @Optional() @IsBoolean() fourEyes?: boolean;
}

export class WaiverSpec {
  @IsIn(Object.keys(ISOLATION_RULES)) rule!: IsolationRule;
  @Matches(/^(\*|(machine|blueprint|tier)\/.{1,255})$/, {
    message: '$property must be *, or machine/…, blueprint/NAME or tier/NAME',
  })
  subject!: string;
  @IsString() @IsNotEmpty() @MaxLength(500) reason!: string;
}

export class PolicySpec {
  @IsIn(ISOLATION_POLICIES) isolation!: IsolationPolicy;
  @Optional()
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => WaiverSpec)
  waivers: WaiverSpec[] = [];
}

const CREDENTIAL_KINDS = ['ssh-key', 'basic'] as const;

/** The secret itself, or the file on the broker's machine that holds it. It is sealed when stored and never shown again. */
export class CredentialSpec {
  @IsIn(CREDENTIAL_KINDS) type!: (typeof CREDENTIAL_KINDS)[number];
  @Optional() @IsString() @MaxLength(255) username?: string;
  /** Servers that a `basic` credential may be sent to, as `git.example.org` or `git.example.org:8443`; without it, to none. */
  @Optional() @IsArray() @ArrayMaxSize(100) @IsString({ each: true }) hosts?: string[];
  @Optional() @IsString() @IsNotEmpty() @MaxLength(65_536) secret?: string;
  @Optional() @IsString() @IsNotEmpty() @MaxLength(4096) secretFile?: string;
}

export const KINDS = ['Policy', 'Tier', 'Credential', 'Blueprint', 'Consumer'] as const;
export type Kind = (typeof KINDS)[number];

/** The class whose decorators say what the `spec` of each kind must be. */
export const SPECS = {
  Policy: PolicySpec,
  Tier: TierSpec,
  Credential: CredentialSpec,
  Blueprint: BlueprintSpec,
  Consumer: ConsumerSpec,
} as const satisfies Record<Kind, new () => object>;

/** One object of a manifest, or the body of a PUT. */
export interface Declaration {
  kind: Kind;
  name: string;
  /** Unchecked: as it came. */
  spec: unknown;
}

/** What a declaration did, or would do. */
export interface Change {
  kind: Kind;
  name: string;
  action: 'created' | 'updated' | 'unchanged';
  /** Fields that differ from before. */
  fields: string[];
  /** What follows from it, one sentence each. */
  effects: string[];
}
