package main

import (
	"fmt"
	"strconv"
	"strings"

	"faultflow/internal/report"
)

const (
	shardAuto = "auto"
	maxParts  = 1_000_000
)

// shardOf reads --shard: i/n, i counted from 1, or auto, which takes them from the variables that GitLab (parallel:)
// and Kubernetes (Indexed Jobs) set. Kubernetes sets the index alone; the job's manifest repeats its completions in
// JOB_COMPLETIONS.
func shardOf(text string, getenv func(string) string) (report.Part, error) {
	first, allowed, said := 1, "1 to n", text
	index, of, _ := strings.Cut(text, "/")
	if text == shardAuto {
		switch {
		case getenv("CI_NODE_INDEX") != "":
			index, of = getenv("CI_NODE_INDEX"), getenv("CI_NODE_TOTAL")
			said = fmt.Sprintf("auto: CI_NODE_INDEX=%s CI_NODE_TOTAL=%s", index, of)
		case getenv("JOB_COMPLETION_INDEX") != "":
			index, of, first, allowed = getenv("JOB_COMPLETION_INDEX"), getenv("JOB_COMPLETIONS"), 0, "0 to n-1"
			said = fmt.Sprintf("auto: JOB_COMPLETION_INDEX=%s JOB_COMPLETIONS=%s", index, of)
		default:
			return report.Part{}, usageError("--shard auto: neither CI_NODE_INDEX and CI_NODE_TOTAL (GitLab) " +
				"nor JOB_COMPLETION_INDEX and JOB_COMPLETIONS (Kubernetes) are set; give i/n")
		}
	}
	n, errN := strconv.Atoi(of)
	i, errI := strconv.Atoi(index)
	if errN != nil || errI != nil || n < 1 || n > maxParts || i < first || i-first >= n {
		return report.Part{}, usageError("--shard %q: want part i of n, i from %s, n from 1 to %d",
			said, allowed, maxParts)
	}
	return report.Part{Index: i - first + 1, Of: n}, nil
}
