/** What a fuzz target is: a parser, inputs to begin with, and what must hold for any input at all. */
import { isFerryError, type ErrorCode } from '../src/error.ts';
import type { Random } from './random.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Inputs to mutate: accepted ones mostly, so that mutants get far. */
  readonly seeds: readonly Uint8Array[];
  /** Pieces that the format is made of; mutants get them put in. */
  readonly dictionary?: readonly Uint8Array[];
  /** Throws where something doesn't hold. Refusing the input is not that: see `outcomeOf`. */
  readonly check: (input: Uint8Array, random: Random) => void | Promise<void>;
}

/** What a parser made of an input: its value, or its refusal. */
export type Outcome<T> =
  | { readonly value: T; readonly refusal?: undefined }
  | { readonly refusal: string; readonly value?: undefined };

/** A parser accepts, or refuses with an error of ours. Anything else it throws goes through, and is a finding. */
export function outcomeOf<T>(
  parse: () => T,
  codes: readonly ErrorCode[] = ['corrupt'],
): Outcome<T> {
  try {
    return { value: parse() };
  } catch (error) {
    return { refusal: refusalOf(error, codes) };
  }
}

export async function asyncOutcomeOf<T>(
  parse: () => Promise<T>,
  codes: readonly ErrorCode[] = ['corrupt'],
): Promise<Outcome<T>> {
  try {
    return { value: await parse() };
  } catch (error) {
    return { refusal: refusalOf(error, codes) };
  }
}

function refusalOf(error: unknown, codes: readonly ErrorCode[]): string {
  if (isFerryError(error) && codes.includes(error.code)) return error.message;
  throw error;
}
