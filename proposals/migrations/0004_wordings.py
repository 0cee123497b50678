import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('proposals', '0003_notices_of_webhooks'),
    ]

    operations = [
        migrations.AddField(
            model_name='reviewdraft',
            name='description',
            field=models.TextField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='ProposalWording',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('done', 'Done'), ('partly', 'Not all of it')], max_length=10)),
                ('texts', models.JSONField(default=list)),
                ('fallback', models.CharField(blank=True, choices=[('rate_limited', 'Asked to slow down (429)'), ('server_error', 'The server failed (5xx)'), ('timeout', 'No answer in time'), ('unreachable', 'Not reached'), ('rejected', 'The request was rejected (4xx)'), ('refused', 'The model refused'), ('truncated', 'The answer broke off'), ('not_json', 'The answer was not JSON'), ('wrong_schema', 'The answer had another shape'), ('empty', 'The answer was empty'), ('unmasked', 'Not sent: private matter was left in it'), ('too_long', 'Not sent: too long'), ('budget', "Not sent: the day's budget is spent"), ('breaker', 'Not sent: the server failed too often'), ('off', 'Not sent: switched off'), ('broken_key', 'Not sent: its key cannot be opened')], max_length=20)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('kept_model', models.PositiveIntegerField(default=0)),
                ('kept_own', models.PositiveIntegerField(default=0)),
                ('kept_edited', models.PositiveIntegerField(default=0)),
                ('counted_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account')),
                ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='wordings', to='proposals.flowproposal')),
            ],
            options={
                'verbose_name': 'wording',
                'indexes': [models.Index(condition=models.Q(('counted_at__isnull', False)), fields=['account', 'counted_at'], name='wording_counted')],
                'constraints': [models.UniqueConstraint(fields=('account', 'proposal', 'revision'), name='one_wording_of_revision')],
            },
        ),
    ]
