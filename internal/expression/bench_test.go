package expression

import "testing"

func BenchmarkEvaluate(b *testing.B) {
	for name, source := range map[string]string{
		"arithmetic": "temp_max * 9/5 + 32",
		"texts":      `status == "ok" and name contains "é"`,
		"pattern":    `name matches "^c.f" ? upper(name) : name + "!"`,
	} {
		compiled, err := Compile(source, nil)
		if err != nil {
			b.Fatal(err)
		}
		record := map[string]any{"temp_max": 21.5, "status": "ok", "name": "café"}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := compiled.Evaluate(Over(record)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
