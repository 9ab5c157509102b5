import type { Route } from '../router';

export default function View(_: { route?: Route; id?: number }) {
  return null;
}
