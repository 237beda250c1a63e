import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { Page } from '../broker/page.js';
import { Optional, Text, WholeText } from './fields.js';

/** Which part of a list is wanted. */
export class ListQuery {
  @WholeText(1, 500, 'Most items in the answer.')
  limit = 100;

  @Optional()
  @Text(500, '`nextCursor` of the page before.')
  cursor?: string;
}

/** The class of one page of `Item`s, for the OpenAPI document. */
export function pageOf<T>(Item: Type<T>): Type<Page<T>> {
  class ItemPage implements Page<T> {
    @ApiProperty({ type: [Item] })
    items!: T[];

    @ApiProperty({ type: String, nullable: true, description: 'Gives the next page; null on the last.' })
    nextCursor!: string | null;
  }
  Object.defineProperty(ItemPage, 'name', { value: `${Item.name}Page` });
  return ItemPage;
}

/** The same page with each item as callers see it. */
export function pageAs<A, B>({ items, nextCursor }: Page<A>, toItem: (item: A) => B): Page<B> {
  return { items: items.map(toItem), nextCursor };
}
