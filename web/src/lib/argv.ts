// Between a command line as people type it and the arguments that it means: quotes and backslashes as in a shell,
// and nothing else of a shell. Pure.
export function splitCommand(line: string): string[] {
  const out: string[] = [];
  let word = '';
  let open = false; // a word has begun, perhaps an empty one in quotes
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    const escapes = c === '\\' && quote !== "'" && i + 1 < line.length;
    if (escapes) word += line[++i];
    else if (quote) {
      if (c === quote) quote = '';
      else word += c;
    } else if (c === '"' || c === "'") quote = c;
    else if (/\s/.test(c)) {
      if (open) out.push(word);
      word = '';
      open = false;
      continue;
    } else word += c;
    open = true;
  }
  if (open) out.push(word);
  return out;
}

export function joinCommand(args: readonly string[]): string {
  return args.map((a) => (a !== '' && /^[\w./:=@%+,~-]+$/.test(a) ? a : `'${a.replace(/'/g, `'\\''`)}'`)).join(' ');
}
