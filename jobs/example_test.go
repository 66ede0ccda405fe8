package jobs_test

import (
	"context"
	"fmt"
	"os"

	"mobula/jobs"
)

// A program is sent to the cluster that MOBULA_ADDRESS names, and what it prints is shown until it ends.
func Example() {
	ctx := context.Background()
	c, err := jobs.Connect(ctx, jobs.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	job, err := c.Submit(ctx, jobs.Spec{Entrypoint: []string{"./train", "-epochs", "3"}, Files: []string{"train"}, CPUs: 1, Outputs: []string{"model.bin"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for part, err := range c.Logs(ctx, job.ID, jobs.LogOptions{Follow: true}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		os.Stdout.Write(part.Text)
	}
	if job, err = c.Wait(ctx, job.ID); err != nil || job.State != jobs.Succeeded {
		fmt.Println(job.Message, err)
		return
	}
	path, err := c.SaveOutput(ctx, job.ID, "model.bin", "results", false)
	fmt.Println(path, err)
}

// All jobs that run are asked to end.
func ExampleClient_Stop() {
	ctx := context.Background()
	c, err := jobs.Connect(ctx, jobs.Config{Address: "10.0.0.1:10001", Token: "user-token"}) // a copy of the file that the head wrote
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	all, err := c.List(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, job := range all {
		if jobs.Ended(job) {
			continue
		}
		if _, err := c.Stop(ctx, job.ID); err != nil {
			fmt.Println(err)
			return
		}
		job, err = c.Wait(ctx, job.ID)
		fmt.Println(job.ID, job.State, err)
	}
}
