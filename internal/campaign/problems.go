package campaign

import "faultflow/internal/report"

// Problems lists what every run must keep and this one did not.
func Problems(r *report.Report) []string { return problems(r) }
