// Package layers keeps the house in order. It has tests only: imports point
// down, the lower floors know no operating system, every package and every
// exported name says what it is for.
//
//	cmd
//	internal/*
//	hooks
//	xmit
//	sched · conntrack
//	packet
//
// Beside it stands ipvs, a module of its own for other programs.
package layers
