package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"faultflow/internal/report"
)

// The tests of deploy/ read the files strictly into the fields below, which are those of the Kubernetes API (v1,
// batch/v1) and of GitHub's workflow syntax that they use, each with its type: a misspelt, misplaced or mistyped field
// fails. Then they do what the engines would: each part's command with its index, and the merge. They do not prove that
// a cluster has the image and the volume, or that the actions exist.

type (
	claim struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   meta   `yaml:"metadata"`
		Spec       struct {
			AccessModes []string  `yaml:"accessModes"`
			Resources   resources `yaml:"resources"`
		} `yaml:"spec"`
	}
	kubernetesJob struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   meta   `yaml:"metadata"`
		Spec       struct {
			CompletionMode       string `yaml:"completionMode"`
			Completions          int32  `yaml:"completions"`
			Parallelism          int32  `yaml:"parallelism"`
			BackoffLimitPerIndex int32  `yaml:"backoffLimitPerIndex"`
			Template             struct {
				Spec struct {
					RestartPolicy string      `yaml:"restartPolicy"`
					Containers    []container `yaml:"containers"`
					Volumes       []struct {
						Name  string `yaml:"name"`
						Claim struct {
							Name string `yaml:"claimName"`
						} `yaml:"persistentVolumeClaim"`
					} `yaml:"volumes"`
				} `yaml:"spec"`
			} `yaml:"template"`
		} `yaml:"spec"`
	}
	container struct {
		Name    string   `yaml:"name"`
		Image   string   `yaml:"image"`
		Command []string `yaml:"command"`
		Args    []string `yaml:"args"`
		Env     []struct {
			Name  string `yaml:"name"`
			Value string `yaml:"value"`
		} `yaml:"env"`
		Resources    resources `yaml:"resources"`
		VolumeMounts []struct {
			Name      string `yaml:"name"`
			MountPath string `yaml:"mountPath"`
		} `yaml:"volumeMounts"`
	}
	meta struct {
		Name string `yaml:"name"`
	}
	resources struct {
		Requests map[string]string `yaml:"requests"`
		Limits   map[string]string `yaml:"limits"`
	}

	workflowFile struct {
		Name string `yaml:"name"`
		On   struct {
			Dispatch *struct{} `yaml:"workflow_dispatch"`
			Schedule []struct {
				Cron string `yaml:"cron"`
			} `yaml:"schedule"`
		} `yaml:"on"`
		Permissions map[string]string `yaml:"permissions"`
		Jobs        struct {
			Part  workflowJob `yaml:"part"`
			Merge workflowJob `yaml:"merge"`
		} `yaml:"jobs"`
	}
	workflowJob struct {
		Needs    string `yaml:"needs"`
		RunsOn   string `yaml:"runs-on"`
		Strategy struct {
			Matrix struct {
				Index []int `yaml:"index"`
			} `yaml:"matrix"`
		} `yaml:"strategy"`
		Steps []struct {
			Uses string            `yaml:"uses"`
			Run  string            `yaml:"run"`
			If   string            `yaml:"if"`
			With map[string]string `yaml:"with"`
		} `yaml:"steps"`
	}
)

// deployed reads a file of deploy/ strictly, one document after the other.
func deployed(t *testing.T, file string, documents ...any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	for _, doc := range documents {
		if err := d.Decode(doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		t.Fatalf("%s: more documents than expected: %v", file, err)
	}
}

// call runs the program in a folder, with an environment, with 40 runs in place of a million.
func call(t *testing.T, args []string, env map[string]string) {
	t.Helper()
	args = slices.Clone(args)
	for i, a := range args {
		args[i] = strings.Replace(a, "1000000", "40", 1)
	}
	var said bytes.Buffer
	s := testStreams(t)
	s.err = &said
	s.getenv = func(name string) string { return env[name] }
	if code := run(context.Background(), args, s); code != exitOK {
		t.Fatalf("%v exits with %d: %s", args, code, said.String())
	}
}

// sameCampaign compares a merged campaign with the whole, made with the same flags but those of parts.
func sameCampaign(t *testing.T, merged string, flags ...string) {
	t.Helper()
	whole := filepath.Join(t.TempDir(), "whole.json")
	call(t, append([]string{"campaign", "--report", whole}, flags...), nil)
	var hashes []string
	for _, path := range []string{merged, whole} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := report.ReadCampaign(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, c.Hash)
	}
	if hashes[0] != hashes[1] {
		t.Errorf("the merged campaign is not the whole: %v", hashes)
	}
}

func TestKubernetesJob(t *testing.T) {
	var volume claim
	var job kubernetesJob
	deployed(t, "campaign-job.yaml", &volume, &job)
	spec := job.Spec.Template.Spec
	if volume.APIVersion != "v1" || volume.Kind != "PersistentVolumeClaim" || job.APIVersion != "batch/v1" ||
		job.Kind != "Job" || job.Spec.CompletionMode != "Indexed" ||
		spec.RestartPolicy != "Never" || len(spec.Containers) != 1 || len(spec.Volumes) != 1 ||
		spec.Volumes[0].Claim.Name != volume.Metadata.Name {
		t.Fatalf("%+v\n%+v", volume, job)
	}
	c := spec.Containers[0]
	mount := c.VolumeMounts[0]
	if mount.Name != spec.Volumes[0].Name || c.Command[0] != "faultflow" {
		t.Fatalf("%+v", c)
	}
	parts := t.TempDir()
	var files []string
	for index := range int(job.Spec.Completions) {
		env := map[string]string{"JOB_COMPLETION_INDEX": strconv.Itoa(index)}
		for _, e := range c.Env {
			env[e.Name] = e.Value
		}
		args := append(slices.Clone(c.Command[1:]), c.Args...)
		for i, a := range args {
			args[i] = strings.ReplaceAll(strings.ReplaceAll(a, "$(JOB_COMPLETION_INDEX)", env["JOB_COMPLETION_INDEX"]), mount.MountPath, parts)
		}
		call(t, args, env)
		files = append(files, filepath.Join(parts, fmt.Sprintf("%d.json", index)))
	}
	merged := filepath.Join(parts, "merged.json")
	call(t, append([]string{"merge", "--report", merged}, files...), nil)
	sameCampaign(t, merged, c.Args[:3]...)
}

func TestGitHubWorkflow(t *testing.T) {
	var w workflowFile
	deployed(t, "github-campaign.yaml", &w)
	if w.Jobs.Merge.Needs != "part" || w.Jobs.Part.RunsOn == "" || w.Jobs.Merge.RunsOn == "" ||
		len(w.On.Schedule) != 1 || w.Permissions["contents"] != "read" {
		t.Fatalf("%+v", w)
	}
	// command is the one that runs the program, as the shell would see it.
	command := func(job workflowJob) []string {
		for _, step := range job.Steps {
			if rest, ok := strings.CutPrefix(step.Run, "go run ./cmd/faultflow "); ok {
				return shellWords(rest)
			}
		}
		t.Fatalf("no step runs the program: %+v", job)
		return nil
	}
	t.Chdir(t.TempDir())
	total := strconv.Itoa(len(w.Jobs.Part.Strategy.Matrix.Index))
	var files, flags []string
	for _, index := range w.Jobs.Part.Strategy.Matrix.Index {
		text := strings.NewReplacer("${{ matrix.index }}", strconv.Itoa(index), "${{ strategy.job-total }}", total)
		args := command(w.Jobs.Part)
		line := text.Replace(strings.Join(args, " "))
		if strings.Contains(line, "${{") {
			t.Fatalf("an expression that is not known here: %s", line)
		}
		args = strings.Fields(line)
		call(t, args, nil)
		files = append(files, fmt.Sprintf("part-%d.json", index))
		flags = args[1:slices.Index(args, "--shard")]
	}
	args := command(w.Jobs.Merge)
	at := slices.Index(args, "part-*.json")
	if at < 0 {
		t.Fatalf("%v merges no parts", args)
	}
	call(t, slices.Concat(args[:at], files, args[at+1:]), nil)
	sameCampaign(t, "campaign.json", flags...)
}
