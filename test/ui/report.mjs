// Runs named tests one after another, prints TAP, and writes JUnit XML.
import { writeFileSync } from 'node:fs';

const escape = (text) =>
  String(text).replace(/[<>&"]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[c]).replace(/[\x00-\x08\x0b-\x1f\x1b]/g, '');

export class Skip extends Error {}

export class Report {
  constructor(suite) {
    this.suite = suite;
    this.cases = [];
    console.log('TAP version 13');
  }

  add(name, status, seconds, text = '') {
    this.cases.push({ name, status, seconds, text });
    const n = this.cases.length;
    const mark = status === 'failed' ? 'not ok' : 'ok';
    console.log(`${mark} ${n} - ${name}${status === 'skipped' ? ` # SKIP ${text}` : ` # ${seconds.toFixed(2)} s`}`);
    if (status === 'failed') for (const line of text.split('\n')) console.log(`#   ${line}`);
  }

  async run(name, work) {
    const start = process.hrtime.bigint();
    const seconds = () => Number(process.hrtime.bigint() - start) / 1e9;
    try {
      await work();
      this.add(name, 'passed', seconds());
    } catch (error) {
      if (error instanceof Skip) this.add(name, 'skipped', seconds(), error.message);
      else this.add(name, 'failed', seconds(), String(error.stack ?? error));
    }
  }

  count(status) {
    return this.cases.filter((c) => c.status === status).length;
  }

  /** Prints the totals, writes the file if asked, returns the exit status. */
  finish(junit) {
    console.log(`1..${this.cases.length}`);
    const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((s) => this.count(s));
    console.log(`# ${passed} passed, ${failed} failed, ${skipped} skipped`);
    if (junit) writeFileSync(junit, this.xml(failed, skipped));
    return failed > 0 ? 1 : 0;
  }

  xml(failed, skipped) {
    const rows = this.cases.map((c) => {
      const inner = { passed: '', failed: `<failure message="${escape(c.text.split('\n')[0])}">${escape(c.text)}</failure>`, skipped: `<skipped message="${escape(c.text)}"/>` }[c.status];
      return `  <testcase classname="${this.suite}" name="${escape(c.name)}" time="${c.seconds.toFixed(3)}">${inner}</testcase>`;
    });
    return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="${this.suite}" tests="${this.cases.length}" failures="${failed}" skipped="${skipped}">\n${rows.join('\n')}\n</testsuite>\n`;
  }
}
