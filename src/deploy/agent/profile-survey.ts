/** The generations of a profile on a host, and which of them runs; in one round trip. */
import { FerryError } from '../../error.ts';
import type { HostConnection } from '../../host/host-connection.ts';
import { assignments, requireProfile } from './request.ts';
import { runScript, type AgentOptions } from './run-script.ts';

export interface HostGeneration {
  readonly number: number;
  /** What its link says: a store path, as printed. */
  readonly path: string;
  /** By the clock of the host. */
  readonly createdAtMs: number;
}

export interface ProfileSurvey {
  /** The number of the generation that the profile leads to; undefined where there is none, or it leads elsewhere. */
  readonly current: number | undefined;
  /** Where the profile leads in the end. */
  readonly currentPath: string | undefined;
  /** When the profile was led there, by the clock of the host: later than the generation was made where it was gone back to. */
  readonly currentSinceMs: number | undefined;
  /** By number. */
  readonly generations: readonly HostGeneration[];
  /** What the host was started with, where the profile is the system's. */
  readonly bootedPath: string | undefined;
  /** What it runs now, where the profile is the system's. */
  readonly activePath: string | undefined;
}

/** More have nobody; each costs the host a process. */
const generationsMax = 10_000;
/** Characters of all lines: a hundred for each of so many. */
const answerMax = 4 << 20;
const timeoutMs = 120_000;

/** Prints a field a line: `leads LINK`, `since SECONDS`, `path PATH`, `booted PATH`, `active PATH`, `generation NUMBER SECONDS PATH`, and `end`. */
const surveyScript = `
say() {
  case $2 in
    '') ;;
    *"$newline"*) ;;
    *) printf '%s %s\\n' "$1" "$2" ;;
  esac
}
newline='
'
leads=$(readlink "$profile" 2>/dev/null)
say leads "$leads"
made_at() { stat -c %Y "$1" 2>/dev/null || stat -f %m "$1" 2>/dev/null || echo 0; }
if [ -n "$leads" ]; then
  say since "$(made_at "$profile")"
  case $leads in /*) path=$leads ;; *) path=\${profile%/*}/$leads ;; esac
  if [ -L "$path" ]; then path=$(readlink "$path"); fi
  say path "$path"
fi
case $profile in
  */nix/profiles/system)
    say booted "$(readlink /run/booted-system 2>/dev/null)"
    say active "$(readlink /run/current-system 2>/dev/null)"
    ;;
esac
count=0
for link in "$profile"-*-link; do
  [ -L "$link" ] || continue
  number=\${link#"$profile"-}
  number=\${number%-link}
  case $number in '' | *[!0-9]*) continue ;; esac
  count=$((count + 1))
  [ "$count" -le "$most" ] || break
  say "generation $number $(made_at "$link")" "$(readlink "$link")"
done
echo end
`;

/** @throws FerryError `usage`, `protocol` */
export async function surveyProfile(
  connection: HostConnection,
  profile: string,
  { asRoot, signal }: AgentOptions = {},
): Promise<ProfileSurvey> {
  requireProfile(profile);
  const script = `${assignments({ profile, most: String(generationsMax) })}${surveyScript}`;
  const doing = `list the generations of "${profile}"`;
  const lines: string[] = [];
  // More may come than is kept of what a script prints.
  let size = 0;
  const onLine = (line: string): void => {
    size += line.length;
    if (lines.length <= generationsMax + 5 && size <= answerMax) lines.push(line);
  };
  await runScript(connection, doing, script, { asRoot, signal, timeoutMs, onLine });
  if (size > answerMax) throw malformed(profile, 'it is too much');
  return parseSurvey(profile, lines);
}

/** @throws FerryError `protocol` for what isn't what the script prints, to its end */
export function parseSurvey(profile: string, lines: readonly string[]): ProfileSurvey {
  const fields = new Map<string, string>();
  const generations: HostGeneration[] = [];
  if (lines.at(-1) !== 'end') throw malformed(profile, 'it ends early');
  for (const line of lines.slice(0, -1)) {
    const generation = /^generation (\d{1,15}) (\d{1,12}) (\/[^\u0000-\u001f\u007f]{1,4096})$/.exec(
      line,
    );
    if (generation !== null) {
      const [, number, seconds, path = ''] = generation;
      generations.push({ number: Number(number), path, createdAtMs: Number(seconds) * 1000 });
      continue;
    }
    const [, name = '', value = ''] =
      /^(leads|since|path|booted|active) ([^\u0000-\u001f\u007f]{1,4096})$/.exec(line) ?? [];
    if (name === '' || fields.has(name))
      throw malformed(profile, JSON.stringify(line.slice(0, 80)));
    if (name === 'since' && !/^\d{1,12}$/.test(value)) throw malformed(profile, 'a time is none');
    fields.set(name, value);
  }
  generations.sort((a, b) => a.number - b.number);
  const since = Number(fields.get('since') ?? 0);
  return {
    current: numberOf(profile, fields.get('leads')),
    currentPath: fields.get('path'),
    // 0 is what a host without such a stat(1) says.
    currentSinceMs: since === 0 ? undefined : since * 1000,
    generations,
    bootedPath: fields.get('booted'),
    activePath: fields.get('active'),
  };
}

/** What the link of a profile says is relative, as a rule. */
function numberOf(profile: string, leads: string | undefined): number | undefined {
  if (leads === undefined) return undefined;
  const slash = profile.lastIndexOf('/');
  const inDirectory = leads.startsWith(profile.slice(0, slash + 1))
    ? leads.slice(slash + 1)
    : leads;
  const prefix = `${profile.slice(slash + 1)}-`;
  if (!inDirectory.startsWith(prefix)) return undefined;
  const digits = /^(\d{1,15})-link$/.exec(inDirectory.slice(prefix.length))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function malformed(profile: string, why: string): FerryError {
  return new FerryError(
    'protocol',
    `cannot read what the host says of the profile "${profile}": ${why}`,
  );
}
