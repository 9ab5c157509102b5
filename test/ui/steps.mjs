// Steps that many flows take.
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
