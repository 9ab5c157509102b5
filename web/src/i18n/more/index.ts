// The texts of views that load later. Such a view imports this for its effect: `import '../i18n/more'`.
import { extend } from '../index';
import { more as en } from './en';
import { more as zh } from './zh';

extend('en', en);
extend('zh', zh);
