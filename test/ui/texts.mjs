// The page's own dictionaries, bundled from its source, so that flows look for the words that people see.
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { web } from './browser.mjs';

export async function loadTexts() {
  const esbuild = createRequire(join(web, 'package.json'))('esbuild');
  const dir = mkdtempSync(join(tmpdir(), 'belfry-ui-'));
  const outfile = join(dir, 'i18n.mjs');
  await esbuild.build({ entryPoints: [join(web, 'src/i18n/all.ts')], bundle: true, format: 'esm', outfile, logLevel: 'error' });
  const { translate } = await import(pathToFileURL(outfile));
  rmSync(dir, { recursive: true, force: true });
  return (lang) => (key, args) => translate(lang, key, args);
}
