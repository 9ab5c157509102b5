// 后加载视图的中文文案。键必须与 en.ts 一致（由类型检查保证）。
import type { Entry, MoreKey } from '../index';

export const more: Record<MoreKey, Entry> = {
  'nav.maintenance': '维护窗口',
  'nav.statusPages': '状态页',
  'nav.users': '用户',
  'nav.tokens': 'API 令牌',
  'nav.audit': '审计日志',
};
