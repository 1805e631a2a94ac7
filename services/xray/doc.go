// Package xray is the room of AWS X-Ray: segments are put, traces are found and read, by the X-Ray API reference and "Segment documents" in the
// developer guide. Spans are telemetry's; the room has no rows of its own. A segment that a client sends becomes a span with its document, and
// each of its subsegments a span below it; what the platform itself recorded is read as segment documents. There is one sampling rule, the
// default one. Groups, sampling rules of one's own, filter expressions, service graphs, insights and transaction search are refused by name.
package xray
