/**
 * Loaded before the command: sends the process a signal as soon as it has said that a step is done (`RAISE_AT="9 SIGINT"`),
 * so that no fast machine is done with the run before the signal comes.
 */
const [step, signal] = (process.env.RAISE_AT ?? '').split(' ');

process.stdout.write = new Proxy(process.stdout.write, {
  apply(write, stream, args) {
    const written: unknown = Reflect.apply(write, stream, args);
    if (String(args[0]).startsWith(`{"type":"step","step":${step},`)) process.kill(process.pid, signal);
    return written;
  },
});
