// Command benchengine measures the engine alone and prints its figures.
package main
