// Package cloudwatch is the room of Amazon CloudWatch metrics, by the CloudWatch API reference: values are put, found and read as statistics
// and percentiles. The values themselves are telemetry's; the room has no rows of its own. Values are kept by the minute: those with a storage
// resolution of a second are too, and periods below 60 seconds are refused by name. Alarms, dashboards, anomaly detection and metric math are
// refused by name.
package cloudwatch
