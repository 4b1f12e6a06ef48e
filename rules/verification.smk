# Every response gets a verdict; verdicts that hold are kept.
#
# REQUIRED INPUTS:  <results>/queries/shards/{shard}.parquet, <results>/responses/{teacher}/{shard}.parquet
# OUTPUTS:          <results>/verdicts/{teacher}/{shard}.parquet    a row for each response


rule verify_responses:
    input:
        **content(
            queries="<results>/queries/shards/{shard}.parquet",
            responses="<results>/responses/{teacher}/{shard}.parquet",
        ),
    output:
        verdicts=update("<results>/verdicts/{teacher}/{shard}.parquet"),
        digest="<results>/verdicts/{teacher}/{shard}.digest.json",
        metrics="<results>/verdicts/{teacher}/{shard}.metrics.json",
    log:
        "<logs>/verify_responses/{teacher}/{shard}.log",
    conda:
        "../envs/verification.yaml"
    params:
        code=code("verify_responses"),
        config=sliced(lambda config, **wildcards: slices.verify_responses(config)),
    shell:
        """
        python scripts/verify_responses.py \
            --queries {input.queries:q} \
            --responses {input.responses:q} \
            --config {params.config:q} \
            --workers {threads} \
            --output {output.verdicts:q} \
            --metrics {output.metrics:q} >{log:q} 2>&1
        """
