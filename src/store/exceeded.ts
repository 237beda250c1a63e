/**
 * SQL: whether more resources of the blueprint `b` live than its limit, as may be after it was lowered. One of them is in a
 * slot above it then: that is asked first, since it takes one look at an index where counting takes one for each.
 */
export function isExceeded(b: string): string {
  return `(EXISTS (SELECT FROM resources o WHERE o.blueprint = ${b}.name AND o.slot >= ${b}.max_resources AND o.state <> 'destroyed')
    AND ${stayingOf(b)} > ${b}.max_resources)`;
}

/** SQL: how many resources of the blueprint `b` live and are not about to end. */
export function stayingOf(b: string): string {
  return `(SELECT count(*) FROM resources o WHERE o.blueprint = ${b}.name AND o.state <> 'destroyed' AND o.state IN ('pending', 'active'))`;
}
