console.log('init begins');
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env.SLOW));
exports.handler = async () => 'slow';
