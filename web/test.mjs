// Bundles test/*.test.ts with esbuild and runs them under node --test: no browser, a second at most.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = dirname(fileURLToPath(import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'belfry-unit-'));
const names = readdirSync(join(web, 'test')).filter((f) => f.endsWith('.test.ts'));
await build({
  entryPoints: names.map((f) => join(web, 'test', f)),
  outdir: dir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'error',
});
const files = readdirSync(dir).map((f) => join(dir, f));
const run = spawnSync(process.execPath, ['--test', ...process.argv.slice(2), ...files], { stdio: 'inherit', env: { ...process.env, BELFRY_WEB: web } });
rmSync(dir, { recursive: true, force: true });
process.exit(run.status ?? 1);
