// English texts of the views that load later (more/index.ts). zh.ts must have the same keys (type-checked).
export const more = {
  'nav.maintenance': 'Maintenance',
  'nav.statusPages': 'Status pages',
  'nav.users': 'Users',
  'nav.tokens': 'API tokens',
  'nav.audit': 'Audit log',
} as const;
