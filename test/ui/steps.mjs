// Steps that many flows take.
import assert from 'node:assert/strict';

/** Asks until the answer is truthy, and gives it. Half a minute is how long a failure takes, not how fast it has to be. */
export async function until(ask, what) {
  for (let n = 0; n < 300; n++) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((done) => setTimeout(done, 100));
  }
  return assert.fail(`not within 30 s: ${what}`);
}

/** Keys that belong together: sent in one go, since the page waits only a second for the one after `g`. */
export const keys = (f, text) => f.page.keyboard.type(text);

export const exact = (name) => ({ name, exact: true });

export async function open(f, path = '/') {
  await f.page.goto(`${f.url}#${path}`);
  await f.page.locator('main h1, main .empty-title').first().waitFor();
}

export async function say(f, text) {
  await f.page.locator('.toast', { hasText: text }).first().waitFor();
}

export async function confirm(f) {
  await f.page.locator('dialog[open]').waitFor();
  await f.page.locator('#ask-yes').click();
}

/** Chooses what a new target is, by its type's name. */
export async function chooseType(f, type) {
  await f.page.locator('#f-type').click();
  await f.page.locator('#f-type').fill(type);
  await f.page.locator(`#f-type-${type}`).waitFor();
  await f.page.keyboard.press('Enter');
  await f.page.waitForFunction((wanted) => document.querySelector('#f-type').dataset.type === wanted, type);
}
