console.log('before it breaks');
require('./missing');
