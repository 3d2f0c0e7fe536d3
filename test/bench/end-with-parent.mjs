/** A process that imports this ends when the one that started it is gone, however that ended: then nobody holds its standard input. */
process.stdin.once('close', () => process.kill(process.pid, 'SIGTERM')).resume();
