/** `{}`: there is nothing to say, and what is said all the same is refused. */
export class EmptyBody {}
