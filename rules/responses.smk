# Several teachers answer every query over several passes; rows that hold are kept.
#
# REQUIRED INPUTS:  <results>/queries/shards/{shard}.parquet, teachers' models or published data
# OUTPUTS:          <results>/models/{model}.json                    what names a model in keys
#                   <results>/responses/{teacher}/{shard}.parquet    a row for each query and pass;
#                                                                    beside it the job's metrics.json


rule identify_model:
    input:
        model_source,
    output:
        "<results>/models/{model}.json",
    log:
        "<logs>/identify_model/{model}.log",
    conda:
        "../envs/data.yaml"
    params:
        code=code("identify_model"),
        options=lambda wildcards: [
            f"--{name}={value}"
            for name, value in slices.identify_model(config, wildcards.model).items()
        ],
    shell:
        """
        python scripts/identify_model.py {params.options:q} --output {output:q} >{log:q} 2>&1
        """


rule generate_responses:
    input:
        queries="<results>/queries/shards/{shard}.digest.json",
        prompt=of_wildcards(
            lambda wildcards: config["teachers"][wildcards.teacher]["prompt"]
        ),
        model="<results>/models/{teacher}.json",
    output:
        responses=update("<results>/responses/{teacher}/{shard}.parquet"),
        digest="<results>/responses/{teacher}/{shard}.digest.json",
    log:
        "<logs>/generate_responses/{teacher}/{shard}.log",
    conda:
        "../envs/generation.yaml"
    params:
        code=code("generate_responses"),
        repairs=repairs("responses"),
        config=sliced(slices.generate_responses),
    shell:
        """
        python scripts/generate_responses.py \
            --queries {input.queries:q} \
            --prompt {input.prompt:q} \
            --model {input.model:q} \
            --config {params.config:q} \
            --threads {threads} \
            --repairs {params.repairs} \
            --output {output.responses:q} >{log:q} 2>&1
        """
