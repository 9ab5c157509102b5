// Turns the built page into C:  node embed.mjs DISTDIR OUT.c
// Each file becomes two arrays, plain and gzip (when that is smaller), and a row of page_files[], which
// is sorted by path because page.c searches it by halves. Meson runs it after web/build.mjs.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
};

const [dist, out] = process.argv.slice(2).map((p) => resolve(p));
if (!dist || !out) {
  console.error('usage: node embed.mjs DISTDIR OUT.c');
  process.exit(2);
}

function walk(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory() ? walk(join(dir, e.name)) : [join(dir, e.name)],
  );
}

/** A C array of bytes. Decimal and without spaces: the shortest, so the quickest to compile. */
function array(name, data) {
  const lines = [];
  for (let i = 0; i < data.length; i += 40) lines.push(data.subarray(i, i + 40).join(','));
  return `static const unsigned char ${name}[] = {\n${lines.join(',\n')}};\n`;
}

const files = walk(dist)
  .map((full) => ({ path: relative(dist, full).split('\\').join('/'), data: readFileSync(full) }))
  .sort((a, b) => (a.path < b.path ? -1 : 1));

const arrays = [];
const rows = [];
files.forEach(({ path, data }, i) => {
  const type = types[extname(path)];
  if (!type) {
    console.error(`embed.mjs: no content type is known for ${path}`);
    process.exit(1);
  }
  const zipped = gzipSync(data, { level: 9 });
  const gzip = zipped.length < data.length ? zipped : null;
  const etag = createHash('sha256').update(data).digest('hex').slice(0, 16);
  arrays.push(array(`plain_${i}`, data));
  if (gzip) arrays.push(array(`gzip_${i}`, gzip));
  const hashed = /-[0-9A-Z]{8}\.[a-z]+$/.test(path);
  rows.push(
    `    {"${path}", "${type}", "\\"${etag}\\"", plain_${i}, sizeof(plain_${i}), ` +
      `${gzip ? `gzip_${i}, sizeof(gzip_${i})` : 'NULL, 0'}, ${hashed}},`,
  );
});

const text = `/* Made by src/page/embed.mjs from web/: do not edit. */
#include "page/page_priv.h"

${arrays.join('\n')}
const struct page_file page_files[] = {
${rows.join('\n')}
};
const size_t page_files_count = ${files.length};
`;
writeFileSync(`${out}.tmp`, text);
renameSync(`${out}.tmp`, out);
