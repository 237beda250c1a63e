import { ApiProperty } from '@nestjs/swagger';
import { KINDS, type Kind } from '../broker/declarations.js';
import { API_VERSION } from '../broker/manifests.js';
import { Choice, Facts, Flag, NameField, Optional, Part, Parts } from './fields.js';
import { Field, OneOf, Strings } from './response-fields.js';

export class ManifestMetadata {
  @NameField('What it is called.')
  name!: string;
}

export class Manifest {
  @Choice([API_VERSION], 'The language of the manifest.')
  apiVersion!: string;

  @Choice(KINDS, 'What it declares.')
  kind!: Kind;

  @Part(() => ManifestMetadata, 'Its name.')
  metadata!: ManifestMetadata;

  @Optional()
  @Facts('As for `PUT /v1/blueprints/{name}` and its like; without it every field has its default.')
  spec?: Record<string, unknown>;
}

export class ManifestsBody {
  @Parts(() => Manifest, 'Taken together: one may refer to another.')
  documents!: Manifest[];

  @Optional()
  @Flag('Only say what would change.')
  dryRun?: boolean;
}

export class ManifestChange {
  @OneOf(KINDS) kind!: string;
  @Field() name!: string;
  @OneOf(['created', 'updated', 'unchanged']) action!: string;
  @Strings('Fields that differ.') fields!: string[];
  @Strings('What follows from it, such as approvals set back.') effects!: string[];
}

export class ManifestChanges {
  @ApiProperty({ type: [ManifestChange] }) changes!: ManifestChange[];
}
