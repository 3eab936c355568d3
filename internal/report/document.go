package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Document is what a file of this project holds: the field that is not nil.
type Document struct {
	Report      *Report
	Tests       *Tests
	Campaign    *Campaign
	Sweep       *Sweep
	Ablation    *Ablation
	Determinism *Determinism
}

// Schemas are those of the documents that Parse reads, each the newest version.
func Schemas() []string {
	return []string{Schema, TestSchema, CampaignSchema, SweepSchema, AblationSchema, DeterminismSchema}
}

// MaxSize bounds a document that is read, in bytes: what is read takes some ten times as much memory. Runs of any length
// and campaigns of any size have some megabytes at most.
const MaxSize = 32 << 20

// ErrSize says that a document is larger than MaxSize.
var ErrSize = fmt.Errorf("report: larger than %d MB", MaxSize>>20)

// Read reads a document as Parse does, or returns ErrSize.
func Read(r io.Reader) (Document, error) {
	text, err := readAll(r)
	if err != nil {
		return Document{}, err
	}
	return Parse(text)
}

// readAll reads no more than a document may have.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("report: read: %w", err)
	}
	if len(text) > MaxSize {
		return nil, ErrSize
	}
	return text, nil
}

// Parse reads a document of any kind that can be shown. A document of another schema is a *SchemaError. If the hash
// does not match, the document is returned together with ErrHash. A document of an older version gets the newest schema
// and keeps the hash that it came with. Fields that this version does not know are skipped, but the hash covers them:
// it is that of the text, so a document stays valid when the model gains a field.
func Parse(text []byte) (doc Document, err error) {
	found, err := schemaOf(text)
	if err != nil {
		return doc, err
	}
	kind, _ := kindAndVersion(found)
	switch is := func(schema string) bool { own, _ := kindAndVersion(schema); return kind == own }; {
	case is(TestSchema):
		doc.Tests, err = parseTests(found, text)
	case is(CampaignSchema):
		doc.Campaign, err = parseSealed(found, CampaignSchema, text, (*Campaign).head)
	case is(SweepSchema):
		doc.Sweep, err = parseSealed(found, SweepSchema, text, (*Sweep).head)
	case is(AblationSchema):
		doc.Ablation, err = parseSealed(found, AblationSchema, text, (*Ablation).head)
	case is(DeterminismSchema):
		doc.Determinism, err = parseSealed(found, DeterminismSchema, text, (*Determinism).head)
	default:
		doc.Report, err = parseSealed(found, Schema, text, (*Report).head)
		if _, version := kindAndVersion(found); doc.Report != nil && version < 2 {
			doc.Report.upgrade()
		}
	}
	return doc, err
}

// SchemaError is a document of another schema than this version reads.
type SchemaError struct {
	// Found is the document's schema, "" if it names none. Want is the newest that can be read.
	Found, Want string
}

func (e *SchemaError) Error() string {
	if e.Newer() {
		return fmt.Sprintf("report: schema %q is newer than this version of faultflow, which reads %q", e.Found, e.Want)
	}
	return fmt.Sprintf("report: schema %q, expected %q", e.Found, e.Want)
}

// Newer says that a newer version of faultflow reads the document.
func (e *SchemaError) Newer() bool {
	kind, version := kindAndVersion(e.Found)
	wantKind, newest := kindAndVersion(e.Want)
	return kind == wantKind && version > newest
}

// checkSchema is the rule for versions: those up to our own can be read, newer ones can't.
func checkSchema(found, want string) error {
	kind, version := kindAndVersion(found)
	wantKind, newest := kindAndVersion(want)
	if kind != wantKind || version < 1 || version > newest {
		return &SchemaError{Found: found, Want: want}
	}
	return nil
}

// kindAndVersion splits a schema: faultflow.report/v1 is version 1 of faultflow.report. What is no schema is of version
// 0.
func kindAndVersion(schema string) (kind string, version int) {
	kind, digits, _ := strings.Cut(schema, "/v")
	version, err := strconv.Atoi(digits)
	if err != nil || strconv.Itoa(version) != digits {
		return kind, 0
	}
	return kind, version
}

// schemaOf reads the schema first: another one may give the same field another type.
func schemaOf(doc []byte) (string, error) {
	var head struct {
		Schema string `json:"schema"`
	}
	err := json.Unmarshal(doc, &head)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field == "" {
		err = fmt.Errorf("want a JSON object, found %s", wrong.Value) // and not the name of a type of ours
	}
	if err != nil {
		return "", fmt.Errorf("report: decode: %w", err)
	}
	return head.Schema, nil
}

func parseTests(schema string, doc []byte) (*Tests, error) {
	if err := checkSchema(schema, TestSchema); err != nil {
		return nil, err
	}
	t := new(Tests)
	if err := json.Unmarshal(doc, t); err != nil {
		return nil, fmt.Errorf("report: decode: %w", err)
	}
	t.count() // results of older versions have none
	return t, nil
}
