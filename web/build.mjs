// Builds the page:  node build.mjs OUTDIR [--stamp FILE] [--depfile FILE] [--watch]
// Meson calls it (src/page/meson.build), `npm run build` calls it, dev/mock.mjs calls it. OUTDIR gets
// index.html and hashed assets; names in index.html are relative, so the page works behind a prefix.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = dirname(fileURLToPath(import.meta.url));

function usage(text) {
  console.error(text);
  process.exit(2);
}

function options(argv) {
  const out = { dir: null, stamp: null, depfile: null };
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--stamp') out.stamp = resolve(argv[++i]);
    else if (argv[i] === '--depfile') out.depfile = resolve(argv[++i]);
    else if (argv[i].startsWith('-')) usage(`build.mjs: unknown option ${argv[i]}`);
    else out.dir = resolve(argv[i]);
  }
  if (!out.dir) usage('usage: node build.mjs OUTDIR [--stamp FILE] [--depfile FILE]');
  return out;
}

async function loadEsbuild() {
  try {
    return await import('esbuild');
  } catch {
    return usage('web/node_modules is missing or incomplete: run `make deps` (or `npm ci` in web/)');
  }
}

function hashed(name, text) {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8).toUpperCase();
  return name.replace(/(\.[a-z]+)$/, `-${hash}$1`);
}

// Files of public/ are small and few: hashed like the rest, and named in index.html by their plain name.
function copyPublic(dir, assets) {
  for (const name of readdirSync(join(web, 'public'))) {
    const data = readFileSync(join(web, 'public', name));
    const to = `assets/${hashed(name, data)}`;
    writeFileSync(join(dir, to), data);
    assets.set(name, to);
  }
}

function depfileText(stamp, inputs) {
  const escape = (p) => p.replace(/ /g, '\\ ');
  return `${escape(stamp)}: ${inputs.map(escape).join(' ')}\n`;
}

export async function build(dir) {
  const esbuild = await loadEsbuild();
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(join(dir, 'assets'), { recursive: true });
  const common = {
    absWorkingDir: web,
    outdir: join(dir, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    target: ['chrome90', 'firefox90', 'safari15'],
    minify: true,
    legalComments: 'none',
    metafile: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
  };
  const builds = await Promise.all([
    esbuild.build({
      ...common,
      entryPoints: { app: 'src/main.tsx' },
      splitting: true,
      format: 'esm',
      jsx: 'automatic',
      jsxImportSource: 'preact',
    }),
    // A script of the old kind, because only such a one runs before the first paint.
    esbuild.build({ ...common, entryPoints: { boot: 'src/boot.ts' }, format: 'iife' }),
  ]);
  const assets = new Map();
  const inputs = new Set();
  for (const { metafile } of builds) {
    for (const [path, out] of Object.entries(metafile.outputs)) {
      const name = { 'src/main.tsx': 'app.js', 'src/boot.ts': 'boot.js' }[out.entryPoint];
      if (name) assets.set(name, `assets/${basename(path)}`);
      if (out.entryPoint === 'src/main.tsx') assets.set('app.css', `assets/${basename(out.cssBundle)}`);
    }
    for (const path of Object.keys(metafile.inputs)) inputs.add(path);
  }
  copyPublic(dir, assets);
  const html = readFileSync(join(web, 'index.html'), 'utf8').replace(/%([a-z.]+)%/g, (_, name) => {
    if (!assets.has(name)) usage(`index.html names ${name}, which the build did not make`);
    return assets.get(name);
  });
  writeFileSync(join(dir, 'index.html'), html);
  return [...inputs].filter((p) => !p.startsWith('node_modules/')).map((p) => resolve(web, p));
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const opt = options(process.argv.slice(2));
  const inputs = await build(opt.dir);
  const extra = ['build.mjs', 'index.html', 'package-lock.json', 'tsconfig.json'].map((f) => join(web, f));
  extra.push(...readdirSync(join(web, 'public')).map((f) => join(web, 'public', f)));
  if (opt.stamp) writeFileSync(opt.stamp, `${relative(dirname(opt.stamp), opt.dir)}\n`);
  if (opt.depfile && opt.stamp) {
    writeFileSync(opt.depfile, depfileText(opt.stamp, [...inputs, ...extra.filter(existsSync)]));
  }
}
