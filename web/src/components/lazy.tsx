// A component that is a chunk of its own and loads when it is first drawn.
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Failure, Loading } from './basics';

export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let ready: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [, done] = useState(ready !== null);
    const [error, setError] = useState<Error | null>(null);
    useEffect(() => {
      if (ready) return;
      load().then((component) => {
        ready = component;
        done(true);
      }, setError);
    }, []);
    const Ready = ready;
    // After an upgrade of Belfry the chunk has another name, which only a new page knows.
    if (error && !Ready) return <Failure error={error} onRetry={() => location.reload()} />;
    return Ready ? <Ready {...props} /> : <Loading />;
  };
}
