return await Lakou.CommandLine.RunAsync(args);
