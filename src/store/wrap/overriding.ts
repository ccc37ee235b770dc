/** A store with some of its parts exchanged, whatever it is made of: what all other wrappers of one store begin with. */
import type { Store } from '../store.ts';

/**
 * Everything that isn't named in `parts` goes to the store itself, also what the contract doesn't know. Disposing it
 * disposes the store.
 */
export function overriding<Wrapped extends Store>(store: Wrapped, parts: Partial<Store>): Wrapped {
  return new Proxy(store, {
    get(target, key) {
      if (Object.hasOwn(parts, key)) return Reflect.get(parts, key);
      const value: unknown = Reflect.get(target, key, target);
      // Stores that are classes have private fields, which only they themselves may reach.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
