# Models answer benchmarks' questions k times each, through lm-eval.
#
# REQUIRED INPUTS:  the models' folders, config evaluation.benchmarks.*.data and *.task
# OUTPUTS:          <results>/evals/{model}/{benchmark}.json                mean, standard error, per-question scores
#                   <results>/evals/{model}/{benchmark}.samples.jsonl.gz    every generation


rule evaluate:
    input:
        model=lambda wildcards: model_identity(wildcards.model),
        data=lambda wildcards: benchmark(wildcards)["data"],
        task=lambda wildcards: benchmark(wildcards)["task"],
    output:
        result=update("<results>/evals/{model}/{benchmark}.json"),
        samples=update("<results>/evals/{model}/{benchmark}.samples.jsonl.gz"),
    log:
        "<logs>/evaluate/{model}/{benchmark}.log",
    conda:
        "../envs/evaluation.yaml"
    params:
        code=code("evaluate"),
        config=sliced(
            lambda config, model, benchmark: slices.evaluate(config, benchmark)
        ),
        seed=config["seed"],
        model=lambda wildcards: model_folder(wildcards.model),
    shell:
        """
        python scripts/evaluate.py \
            --config {params.config:q} \
            --code-digest {params.code} \
            --seed {params.seed} \
            --model {params.model:q} \
            --model-name {wildcards.model} \
            --benchmark {wildcards.benchmark} \
            --data {input.data:q} \
            --task {input.task:q} \
            --output {output.result:q} >{log:q} 2>&1
        """
