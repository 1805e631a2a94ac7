'use strict';
// A function of the platform's own: see prepare in main.js.
exports.handler = async (event) => event;
