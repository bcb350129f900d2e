// Package buildtest makes the Go programs that tests of several packages run.
// Where the go command isn't at hand, on a machine that tests were compiled for
// elsewhere, the programs come out of the folder that $GOIPVS_TEST_PROGRAMS names:
//
//	GOARCH=arm64 GOIPVS_TEST_PROGRAMS=DIR wrap.test -test.run ^TestPrograms$   here
//	GOIPVS_TEST_PROGRAMS=DIR wrap.test                                         there
//
// Only tests import it.
package buildtest
