"use strict";exports.handler=async()=>{throw new TypeError("mapped")};exports.json=async()=>{console.log("text",1);console.debug("hidden");console.error(new RangeError("in the log"));return"logged"};
//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbIm9yaWdpbmFsLnRzIl0sIm5hbWVzIjpbXSwibWFwcGluZ3MiOiJBQVVJIn0=
