// Package nstest gives tests network namespaces of their own, joined by veth
// pairs. They vanish with the test.
//
//	client := nstest.New(t)
//	director := nstest.New(t)
//	nstest.Join(t, client, "eth0", director, "eth0")
//	director.Do(t, func() { … })
package nstest
