/** The walk through a closure as one statement: coming back to JavaScript for each path would take three times as long. */

export interface ClosureSqlOptions {
  /** With the valid outputs of every derivation that it meets. */
  readonly includeOutputs: boolean;
  /** Whether a second parameter says after how many paths it stops. */
  readonly limited?: boolean;
}

/**
 * The columns of every path of a closure, and the numbers of what it refers to, with a blank between each two. The first
 * parameter is the roots, in full, as an array of JSON.
 */
export function closureSql(
  columns: string,
  { includeOutputs, limited }: ClosureSqlOptions,
): string {
  return `with recursive closure(id) as (
    select v.id from json_each(?) root cross join ValidPaths v on v.path = root.value
    union select reference from closure join Refs on referrer = closure.id
    ${includeOutputs ? AND_OUTPUTS : ''}
    ${limited === true ? 'limit ?' : ''}
  ) select ${columns}, (select group_concat(reference, ' ') from Refs where referrer = v.id)
  from closure cross join ValidPaths v using (id)`;
}

const AND_OUTPUTS =
  'union select v.id from closure join DerivationOutputs o on o.drv = closure.id join ValidPaths v on v.path = o.path';
