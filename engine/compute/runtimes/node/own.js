'use strict';
// A function of the platform's own: see practise in main.js.
exports.handler = async (event) => event;
