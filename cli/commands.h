/* The commands of the program. Each reads its own options, prints what it has to say, and
 * returns the exit status: 0, 1 (failed, one line on stderr saying why) or 2 (usage). argv[0]
 * is the command's own name, argv[argc] is NULL. */
#ifndef LAT_CLI_COMMANDS_H
#define LAT_CLI_COMMANDS_H

int lat_cmd_serve(int argc, char **argv);
int lat_cmd_health(int argc, char **argv);
int lat_cmd_train(int argc, char **argv);
int lat_cmd_eval(int argc, char **argv);
int lat_cmd_impute(int argc, char **argv);
int lat_cmd_import(int argc, char **argv);
int lat_cmd_check(int argc, char **argv);
int lat_cmd_backup(int argc, char **argv);
int lat_cmd_restore(int argc, char **argv);
int lat_cmd_bench(int argc, char **argv);
int lat_cmd_keys(int argc, char **argv);

#endif
