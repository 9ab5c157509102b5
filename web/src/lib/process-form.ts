// A unit's document as its form holds it, and back to what the API takes. The option table is long: here it is cut into
// cards, and what most people never touch is folded away. The command is typed as a command line, the health probe as
// an address. Pure.
import type { Json, JsonObject, Option } from '../api/types';
import { joinCommand, splitCommand } from './argv';
import { fromForm, isObject, toForm, validate, type Complaints, type FormObject } from './form-model';

export type ProcessPart = 'what' | 'when' | 'ready' | 'ends' | 'bounds' | 'rest';

interface PartOf {
  part: ProcessPart;
  basic: readonly string[];
  more: readonly string[];
}

/** Drawn by hand, not from the table. */
export const ownFields = ['id', 'name', 'command', 'health', 'channels'] as const;

const cards: readonly PartOf[] = [
  {
    part: 'what',
    basic: ['shell', 'type', 'directory', 'user', 'environment'],
    more: ['group', 'groups', 'umask', 'environment_file', 'clean_environment', 'allow_setuid', 'replicas', 'labels'],
  },
  {
    part: 'when',
    basic: ['autostart', 'schedule'],
    more: ['kind', 'timezone', 'overlap', 'catch_up', 'run_timeout', 'requires', 'after', 'start_order', 'pre_start', 'post_stop', 'adopt'],
  },
  { part: 'ready', basic: ['ready'], more: ['start_seconds', 'start_timeout', 'watchdog'] },
  {
    part: 'ends',
    basic: ['restart', 'stop_timeout'],
    more: ['stop_signal', 'success_statuses', 'restart_delay', 'monitor', 'enabled'],
  },
  { part: 'bounds', basic: ['limits'], more: ['priority', 'output'] },
];

export interface ProcessCard {
  part: ProcessPart;
  options: Option[];
}

/** The cards with their options; what this page does not know yet comes last, folded. */
export function cardsOf(options: readonly Option[]): ProcessCard[] {
  const left = new Map(options.filter((o) => !(ownFields as readonly string[]).includes(o.name)).map((o) => [o.name, o]));
  const take = (names: readonly string[], advanced: boolean): Option[] =>
    names.flatMap((name) => {
      const option = left.get(name);
      left.delete(name);
      return option ? [{ ...option, advanced, group: advanced ? 'advanced' : 'basic' } as Option] : [];
    });
  const out: ProcessCard[] = cards.map(({ part, basic, more }) => ({ part, options: [...take(basic, false), ...take(more, true)] }));
  out.push({ part: 'rest', options: take([...left.keys()], true) });
  return out;
}

/** A switch without a default has three positions: on, off, as the section says. */
function threeWay(option: Option): Option {
  if (option.type === 'section') return { ...option, options: (option.options ?? []).map(threeWay) };
  const inherits = option.type === 'bool' && (option.default === undefined || option.default === null);
  return inherits ? { ...option, type: 'enum', choices: ['true', 'false'] } : option;
}

/** The table as the form needs it. */
export function formOptions(options: readonly Option[]): Option[] {
  return options.map(threeWay);
}

function healthText(health: Json | undefined): string {
  if (!isObject(health)) return '';
  const { url, ...rest } = health;
  return typeof url === 'string' && Object.keys(rest).length === 0 ? url : JSON.stringify(health, null, 2);
}

function healthOf(text: string): Json | undefined {
  const value = text.trim();
  if (value === '') return undefined;
  if (!value.startsWith('{')) return { url: value };
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value; // the form has complained already
  }
}

function commandText(command: Json | undefined, shell: boolean): string {
  if (typeof command === 'string') return command;
  if (!Array.isArray(command)) return '';
  const words = command.map(String);
  return shell || words.length === 1 ? words.join(' ') : joinCommand(words);
}

export function processForm(options: readonly Option[], doc: JsonObject): FormObject {
  const form = toForm(options, doc);
  form['command'] = commandText(doc['command'], form['shell'] === true); // the file's "true" is a text
  form['health'] = healthText(doc['health']);
  return form;
}

/** "true" of a three-way switch becomes true, to any depth. */
function untangle(options: readonly Option[], table: readonly Option[], doc: JsonObject): void {
  for (const option of table) {
    const value = doc[option.name];
    const shown = options.find((o) => o.name === option.name);
    if (option.type === 'section' && isObject(value)) untangle(shown?.options ?? [], option.options ?? [], value);
    if (option.type === 'bool' && shown?.type === 'enum' && typeof value === 'string') doc[option.name] = value === 'true';
  }
}

export function commandWords(form: FormObject): string[] {
  const text = String(form['command'] ?? '').trim();
  if (text === '') return [];
  return form['shell'] === true ? [text] : splitCommand(text);
}

/** The document to send. `table` is the server's, `options` what formOptions made of it. */
export function processDoc(table: readonly Option[], options: readonly Option[], form: FormObject, before: JsonObject): JsonObject {
  const drawn = options.filter((o) => o.name !== 'command' && o.name !== 'health');
  const rest: JsonObject = { ...before };
  delete rest['command'];
  delete rest['health'];
  const doc = fromForm(drawn, form, rest);
  untangle(options, table, doc);
  const words = commandWords(form);
  if (words.length) doc['command'] = words;
  const health = healthOf(String(form['health'] ?? ''));
  if (health !== undefined) doc['health'] = health;
  return inOrder(doc, table);
}

/** Keys in the table's order: the YAML that is made of it reads id, type, command … */
function inOrder(doc: JsonObject, table: readonly Option[]): JsonObject {
  const out: JsonObject = {};
  for (const { name } of table) if (name in doc) out[name] = doc[name] as Json;
  for (const [name, value] of Object.entries(doc)) if (!(name in out)) out[name] = value;
  return out;
}

export function processComplaints(options: readonly Option[], form: FormObject): Complaints {
  const drawn = options.filter((o) => o.name !== 'command' && o.name !== 'health');
  const out = validate(drawn, form, '');
  const id = String(form['id'] ?? '').trim();
  if (id !== '' && !/^[A-Za-z0-9._%-]{1,64}$/.test(id)) out.set('id', { key: 'program.form.id.bad' });
  const health = String(form['health'] ?? '').trim();
  if (health.startsWith('{')) {
    try {
      JSON.parse(health);
    } catch (error) {
      out.set('health', { key: 'check.json', args: { why: (error as Error).message } });
    }
  }
  return out;
}
