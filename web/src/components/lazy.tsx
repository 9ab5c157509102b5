// A component that is a chunk of its own and loads when it is first drawn.
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Loading } from './basics';

export function lazy<P extends object>(load: () => Promise<{ default: ComponentType<P> }>): ComponentType<P> {
  let ready: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [, done] = useState(ready !== null);
    useEffect(() => {
      if (ready) return;
      void load().then((module) => {
        ready = module.default;
        done(true);
      });
    }, []);
    const Ready = ready;
    return Ready ? <Ready {...props} /> : <Loading />;
  };
}
