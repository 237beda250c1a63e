import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CatalogueService } from '../broker/catalogue.service.js';
import { DeclarationService } from '../broker/declaration.service.js';
import type { Page } from '../broker/page.js';
import type { Principal } from '../domain/consumer.js';
import { Admin, Reader } from './access.js';
import { Describe } from './describe.js';
import { ManifestChanges, ManifestsBody } from './manifest.dto.js';
import { By } from './request.js';
import { Tier, TierPage, toTier } from './tier.dto.js';

@ApiTags('Manifests')
@Controller('v1')
export class ManifestsController {
  constructor(
    private readonly declarations: DeclarationService,
    private readonly catalogue: CatalogueService,
  ) {}

  @Post('manifests')
  @Admin()
  @HttpCode(200)
  @Describe({
    summary: 'Apply manifests',
    description: 'Makes the installation what the documents say, all of them or none, and says what changed.',
    body: ManifestsBody,
    answers: { 200: ManifestChanges },
    faults: ['impossible', 'policy-denies', 'cross-tier', 'conflict', 'in-use'],
  })
  async apply(
    @Body() { documents, dryRun = false }: ManifestsBody,
    @By() by: Principal,
  ): Promise<ManifestChanges> {
    const declared = documents.map(({ kind, metadata, spec }) => ({ kind, name: metadata.name, spec }));
    return { changes: await this.declarations.declare(declared, by, { dryRun }) };
  }

  @Get('tiers')
  @Reader()
  @Describe({ summary: 'List tiers', answers: { 200: TierPage } })
  async tiers(): Promise<Page<Tier>> {
    return { items: (await this.catalogue.tiers()).map(toTier), nextCursor: null };
  }
}
