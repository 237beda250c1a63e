/** A DNS label: what names of tiers, blueprints, consumers, people, credentials and machines look like. */
export const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
